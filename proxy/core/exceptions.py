"""The two kinds of protocol error: what a peer did wrong, and what we did wrong with the core."""


class ProtocolError(Exception):
    """A rule of a protocol was broken."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol; ``status`` is the answer it deserves when it is a client."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class LocalProtocolError(ProtocolError):
    """We used the core in a way that it does not allow: a bug of ours."""
