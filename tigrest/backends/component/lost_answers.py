"""Answers of the server that go to another connection with our address.

ejabberd and jabberd2 let several connect under one address, and hand each stanza to one of them: to another program, or to an earlier
connection of ours which the server has not noticed to be dead. When that one ends, ejabberd takes the privileges of the address back
(XEP-0356), those of the connection that is left too.

Servers process the stanzas of a stream in order, so the answer to a barrier is lost when a later one has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from tigrest.xmpp.jid import JID


class LostAnswers:
    """Keeps which barriers of a stream were answered, to find out that answers get lost, and that they arrive again.

    Args:
        regained: barriers answered in a row after which answers arrive again.
        count: answers lost on earlier streams of the link.
    """

    def __init__(self, regained: int, count: int = 0) -> None:
        self._regained, self._in_a_row = regained, 0
        self.count = count
        """Answers that are known to be lost, on all streams of the link."""
        self._unanswered: dict[str, bool] = {}
        """Unanswered barriers by their ids, oldest first: True once a later one was answered."""
        self.is_losing = False
        """True from the first answer that was lost."""

    def anew(self) -> LostAnswers:
        """Return an empty record for the next stream of the link, with the count so far."""
        return LostAnswers(self._regained, self.count)

    def asked(self, id: str) -> None:
        """Note that a barrier is sent."""
        self._unanswered[id] = False

    def answered(self, id: str) -> bool:
        """Note that a barrier was answered.

        Returns:
            Whether answers that got lost arrive again.
        """
        older = 0
        for each in self._unanswered:
            if each == id:
                break
            self._unanswered[each] = True
            older += 1
        self._unanswered.pop(id, None)
        self._in_a_row = 0 if older else self._in_a_row + 1
        return self.is_losing and self._in_a_row >= self._regained

    def is_lost(self, id: str) -> bool:
        """Return whether a later barrier than this one was answered."""
        return self._unanswered.get(id, False)

    def is_latest(self, id: str) -> bool:
        """Return whether no barrier was sent after an unanswered one."""
        return next(reversed(self._unanswered), "") == id

    def lose(self) -> bool:
        """Note that an answer was lost.

        Returns:
            Whether it is the first one.
        """
        is_first, self.is_losing, self._in_a_row = not self.is_losing, True, 0
        self.count += 1
        return is_first

    def forget(self, id: str) -> None:
        """Note that the answer to a barrier is not waited for any more."""
        self._unanswered.pop(id, None)


class LostAnswersCounter(Collector):
    """Counts lost answers, for Prometheus.

    Args:
        read: returns their number since the start of the gateway.
    """

    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Return the current number."""
        yield CounterMetricFamily("tigrest_lost_answers", "Answers to pings that another connection got.", self._read())


def trouble_of(jid: JID) -> str:
    """Return what is wrong while answers get lost, for people.

    Args:
        jid: our address.
    """
    return (
        f"answers of the server get lost, so requests fail: another connection as {jid} gets them. It is another program, which needs an "
        "address of its own, or an earlier connection of this gateway that the server has not noticed to be dead"
    )
