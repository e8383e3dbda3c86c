"""Rasa's intent classifier for this hotline: a linear model over characters, sounds and manner (intent_features.py).

Rasa's own LogisticRegressionClassifier sees no rarity of words and no sounds; docs/decisions/0178 has the figures. Runs in Rasa's environment;
kept as a plain npz file (numbers and strings, no pickle).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from intent_features import features
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier

_FILE = "intents.npz"
_RANKED = 16


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class MannerClassifier(GraphComponent, IntentClassifier):
    """Which intent a sentence has, by one weight for each feature and intent."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`seldom`: least sentences that a feature must come in; `balance`: 0 leaves rare intents rare, 1 makes all alike."""
        return {"seldom": 3, "balance": 0.5, "alpha": 3e-6, "rounds": 12}

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        """Knows nothing until it is trained or loaded."""
        self._config, self._storage, self._resource = config, storage, resource
        self._numbers: dict[str, int] = {}
        self._idf = np.zeros(0)
        self._weights = np.zeros((0, 0))
        self._intents: list[str] = []

    @classmethod
    def create(cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> Any:
        """Made by Rasa before training."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext, **_: Any
    ) -> Any:
        """Made by Rasa from a trained model."""
        made = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder, np.load(folder / _FILE, allow_pickle=False) as kept:
            made._learned(str(kept["vocabulary"]).split("\n"), kept["idf"], kept["weights"], [str(name) for name in kept["intents"]])
        return made

    def _learned(self, vocabulary: list[str], idf: Any, weights: Any, intents: list[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(vocabulary)}
        self._idf, self._weights, self._intents = idf, weights, intents

    def train(self, training_data: TrainingData) -> Resource:
        """Learn, and write the model."""
        examples = training_data.intent_examples
        rows = [features(example.get(TEXT)) for example in examples]
        labels = [example.get(INTENT) for example in examples]
        often = Counter(name for row in rows for name in row)
        vocabulary = sorted(name for name, count in often.items() if count >= self._config["seldom"])
        idf = np.log((1 + len(rows)) / (1 + np.array([often[name] for name in vocabulary]))) + 1
        self._learned(vocabulary, idf, np.zeros((len(vocabulary) + 1, 0)), [])
        each = Counter(labels)
        weight = [(max(each.values()) / each[label]) ** self._config["balance"] for label in labels]
        learner = SGDClassifier(
            loss="log_loss", alpha=self._config["alpha"], max_iter=self._config["rounds"], tol=None, average=True, random_state=1
        )
        learner.fit(self._matrix(rows), labels, sample_weight=weight)
        weights = np.vstack([learner.coef_.T, learner.intercept_[None, :]]).astype(np.float32)
        self._learned(vocabulary, idf.astype(np.float32), weights, [str(name) for name in learner.classes_])
        with self._storage.write_to(self._resource) as folder:
            np.savez_compressed(
                folder / _FILE,
                vocabulary=np.array("\n".join(vocabulary)),
                idf=self._idf,
                weights=self._weights.astype(np.float16),
                intents=np.array(self._intents),
            )
        return self._resource

    def _matrix(self, rows: list[list[str]]) -> csr_matrix:
        starts, columns, values = [0], [], []
        for row in rows:
            numbers, strengths = self._read(row)
            columns.append(numbers)
            values.append(strengths)
            starts.append(starts[-1] + len(numbers))
        return csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(rows), len(self._numbers)))

    def _read(self, row: list[str]) -> tuple[Any, Any]:
        numbers = np.array([self._numbers[name] for name in row if name in self._numbers], np.int64)
        strengths = self._idf[numbers]
        return numbers, strengths / (float(np.sqrt((strengths**2).sum())) or 1.0)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The examples with what this classifier makes of them, as Rasa wants it."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Set the intent and its ranking."""
        for message in messages:
            ranking = self._rank(message.get(TEXT) or "")
            message.set(INTENT, ranking[0] if ranking else {"name": None, "confidence": 0.0}, add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def _rank(self, text: str) -> list[dict[str, Any]]:
        numbers, strengths = self._read(features(text))
        if not len(numbers):
            return []
        scores = strengths @ self._weights[numbers].astype(np.float32) + self._weights[-1]
        shares = 1 / (1 + np.exp(-scores.astype(np.float64)))
        shares /= shares.sum()
        order = np.argsort(-shares)[:_RANKED]
        return [{"name": self._intents[place], "confidence": float(shares[place])} for place in order]
