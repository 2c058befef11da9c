"""What any venue does: this paper venue as a fold, and one beyond a wire (IBKR) by the same orders and answers.

A venue takes what `verdicts` says and answers with Fills into `book`. The paper venue keeps this protocol by records
(Verdict, Cancel, MarketEvent and quotes in, Fills out; streams/venue/stage.py), connectors/venues/ will by calls.
A venue beyond a wire appends SENT before it sends, under the order's id as its reference, and after a crash asks for
orders by reference instead of sending again: what it cannot find out is IN_DOUBT.

IBKR's order states (OrderStatus.status of ib_async) as ours:

| IBKR | means | ours |
|---|---|---|
| ApiPending, PendingSubmit | sent, no answer yet | SENT |
| PreSubmitted | taken; held until its trigger, its parent or the session | ACKNOWLEDGED |
| Submitted | works at an exchange; with filled > 0 | ACKNOWLEDGED; PARTIALLY_FILLED a fill |
| PendingCancel | a cancel was asked for: it may still fill, and works until told otherwise | as before |
| ApiCancelled, Cancelled | has ended; after error 201, 203, 321 or 10147 refused | CANCELLED, REJECTED |
| Filled | has ended | FILLED |
| Inactive | refused, or held: with whyHeld "locate" it may come to life | REJECTED, ACKNOWLEDGED |

ib_async ends an order as Cancelled when the error comes before the state, and says Inactive where the state comes
first: both are one refusal, and its reason is the error's text (ib_insync issues 363 and 554). A DAY order that IBKR
ends at the close is Cancelled there, and EXPIRED here.

IBKR's errors as our reasons: 110 the price does not conform to the minimum variation (bad tick size) · 200 no security
definition (unknown contract) · 201 order rejected (margin, an expired contract, closed market) · 202 order cancelled
· 135 no such order, 10147 and 10148 an order that cannot be cancelled (nothing is told: it has ended) · 103 duplicate
id (a bug, or another client) · 399 a remark, such as that the order waits for the open (ACKNOWLEDGED) · 404 shares to
be located (ACKNOWLEDGED) · 1100 connection lost (IN_DOUBT until 1101 or 1102, and a look-up).

Fees come with IBKR's commission reports, after the execution: a venue waits for them before it tells the Fill.
"""

from typing import Protocol

from schemas.records import Cancel, Control, Fill, Verdict


class Venue(Protocol):
    """Operations of a venue. Each returns what is told at once; the rest comes by `news`, in the venue's order.

    Of each order exactly one Fill has `remaining` 0, and the sum of quantities never passes what was approved.
    """

    def place(self, verdict: Verdict) -> list[Fill]:
        """Take an order that risk let pass, or answer that it was refused; one id is placed once."""
        ...

    def cancel(self, cancel: Cancel) -> list[Fill]:
        """Ask for the end of an order, or of all of an account; it has ended only when a Fill says so."""
        ...

    def control(self, control: Control) -> list[Fill]:
        """Halt or resume an account: a halt ends opening orders, with `flatten` every order."""
        ...

    def news(self) -> list[Fill]:
        """Return what has happened to orders since the last call."""
        ...

    def look_up(self, account: str) -> list[Fill]:
        """Return the state of every order of an account as the venue knows it, after a crash or a lost connection."""
        ...
