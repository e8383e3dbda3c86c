from __future__ import annotations

import socket

import pytest

from telephony.media.ports import NoFreePort, PortPool


def free_range(count: int) -> int:
    """The first of `count` ports that are free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return min(probe.getsockname()[1], 65535 - count - 1) // 2 * 2


def test_only_even_ports_and_each_once_until_none_is_left() -> None:
    low = free_range(20)
    pool = PortPool("127.0.0.1", low, low + 9)
    taken = [pool.take() for _ in range(5)]
    ports = [bound.getsockname()[1] for bound in taken]
    assert sorted(ports) == [low, low + 2, low + 4, low + 6, low + 8]
    with pytest.raises(NoFreePort):
        pool.take()
    for bound in taken:
        pool.give_back(bound)
    assert pool.used == 0


def test_a_port_rests_until_all_others_were_used() -> None:
    low = free_range(20)
    pool = PortPool("127.0.0.1", low, low + 9)
    order = []
    for _ in range(10):
        bound = pool.take()
        order.append(bound.getsockname()[1])
        pool.give_back(bound)
    assert order[:5] == order[5:]
    assert len(set(order)) == 5


def test_a_port_that_another_program_has_is_passed_over() -> None:
    low = free_range(20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", low))
        pool = PortPool("127.0.0.1", low, low + 3)
        bound = pool.take()
        assert bound.getsockname()[1] == low + 2
        with pytest.raises(NoFreePort):
            pool.take()
        pool.give_back(bound)


def test_giving_back_twice_is_harmless() -> None:
    low = free_range(20)
    pool = PortPool("127.0.0.1", low, low + 3)
    bound = pool.take()
    pool.give_back(bound)
    pool.give_back(bound)
    first, second = pool.take(), pool.take()
    assert first.getsockname() != second.getsockname()
    pool.give_back(first)
    pool.give_back(second)
