"""Messages over a connection: whole, in order, however they are cut; connections made through a door."""

from __future__ import annotations

import os
import socket
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.processes.frames import Channel, Door, Lost, handed_in

MESSAGES = st.lists(st.tuples(st.dictionaries(st.text(), st.integers(0, 99)), st.binary(max_size=300_000)), max_size=6)


def pair() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return Channel(one), Channel(other)


@given(messages=MESSAGES)
def test_messages_come_whole_and_in_order(messages: list[tuple[dict[str, int], bytes]]) -> None:
    sender, receiver = pair()
    thread = Thread(target=lambda: sender.send_all(list(messages)))
    thread.start()
    found = [receiver.receive() for _ in messages]
    thread.join()
    assert [(head, body or None) for head, body in messages] == [
        (message.head, None if message.body is None else bytes(message.body)) for message in found
    ]
    sender.close()
    receiver.close()


def test_messages_that_came_together_are_all_seen_without_waiting() -> None:
    sender, receiver = pair()
    sender.send_all([({"number": number}, None) for number in range(3)])
    assert [message.head["number"] for message in receiver.waiting()] == [0, 1, 2]
    assert list(receiver.waiting()) == []
    sender.close()
    with pytest.raises(Lost):
        list(receiver.waiting())
    receiver.close()


def test_a_head_larger_than_the_buffer_comes_whole() -> None:
    sender, receiver = pair()
    head = {"text": "x" * 1_000_000}
    thread = Thread(target=lambda: sender.send(head, b"rows"))
    thread.start()
    assert receiver.receive() == (head, b"rows")
    thread.join()
    sender.close()
    receiver.close()


def test_a_closed_or_silent_connection_is_lost() -> None:
    sender, receiver = pair()
    receiver.silent_for(0.01)
    with pytest.raises(Lost):
        receiver.receive()
    assert receiver.idle()
    sender.abort()
    assert not receiver.idle()
    with pytest.raises(Lost):
        receiver.receive()
    sender.close()
    receiver.close()


def test_what_is_handed_in_waits_until_somebody_is_behind_the_door() -> None:
    door = Door.make()
    outside = [door.connect() for _ in range(3)]
    for number, channel in enumerate(outside):
        channel.send({"number": number})
    inside = [handed_in(door.inside) for _ in outside]
    assert [channel.receive().head["number"] for channel in inside] == [0, 1, 2]
    for channel in (*outside, *inside):
        channel.close()
    door.close()


def test_a_door_that_nobody_will_open_refuses() -> None:
    door = Door.make()
    door.inside.close()
    with pytest.raises(Lost):
        door.connect()
    door.close()


def test_a_process_that_may_open_nothing_more_cannot_connect() -> None:
    door = Door.make()
    before, highest = getrlimit(RLIMIT_NOFILE), os.dup(0)
    os.close(highest)
    setrlimit(RLIMIT_NOFILE, (highest, before[1]))
    try:
        with pytest.raises(Lost):
            door.connect()
    finally:
        setrlimit(RLIMIT_NOFILE, before)
        door.close()
