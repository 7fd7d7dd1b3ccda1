"""What a peer can do wrong, as far as the core tells it."""


class RemoteProtocolError(Exception):
    """The peer broke the protocol; ``status`` is the answer it deserves when it is a client."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
