"""Lets Rasa start without TensorFlow. Found by Python through PYTHONPATH=chatbot/rasa/stub; nothing is installed.

Eighteen modules of Rasa import TensorFlow or Keras for components that this project does not use (DIET, TED, response
selector). Where the real packages are missing, an import of them gives an empty module whose names are empty classes:
enough to be imported and subclassed, useless to compute with. Where TensorFlow is installed, nothing happens.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

_NAMES = ("tensorflow", "tensorflow_hub", "tensorflow_text", "tensorflow_addons", "keras")


class _AnythingType(type):
    """A class of which every attribute, item and subclass is another such class."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything

    def __call__(cls, *args, **kwargs):
        if cls is not Anything:
            return super().__call__(*args, **kwargs)
        used_as_decorator = len(args) == 1 and not kwargs and isinstance(args[0], (types.FunctionType, type))
        return args[0] if used_as_decorator else Anything

    def __or__(cls, other):
        return cls

    def __getitem__(cls, item):
        return cls

    def __iter__(cls):
        return iter(())


class Anything(metaclass=_AnythingType):
    """Stands for whatever was imported."""

    def __init__(self, *args, **kwargs):
        """Take anything."""


class _EmptyModule(types.ModuleType):
    __path__ = []
    __version__ = "0"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] in _NAMES:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        return _EmptyModule(spec.name)

    def exec_module(self, module):
        """Nothing to run."""


if importlib.util.find_spec("tensorflow") is None:
    sys.meta_path.append(_Finder())
