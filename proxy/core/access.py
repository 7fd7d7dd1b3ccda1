"""Who may connect to a listener: lists of networks, looked up without walking through them.

Networks are kept by their length, as the set of their leading bits. An address is in the lists
when its own leading bits are in one of these sets, so a look costs as much as there are different
lengths, however many networks there are.
"""

from proxy.snapshot import Access, AccessKind

ADDRESS_BITS = 32


class AccessRules:
    """The lists of one listener, made with its plan and asked for every new connection."""

    __slots__ = ("_allows", "_by_shift")

    def __init__(self, access: Access) -> None:
        self._allows = access.kind is AccessKind.ALLOW
        by_shift: dict[int, set[int]] = {}
        for network in access.networks:
            address, _, length = network.partition("/")
            shift = ADDRESS_BITS - int(length)
            by_shift.setdefault(shift, set()).add(_number(address) >> shift)
        # Long networks first: lists name single addresses more often than anything else.
        self._by_shift = tuple(
            (shift, frozenset(prefixes)) for shift, prefixes in sorted(by_shift.items())
        )

    def admits(self, address: str) -> bool:
        """Tell whether a client with this IPv4 address may connect.

        Lists without any network let nobody in when they allow, and everybody when they deny.
        """
        number = _number(address)
        for shift, prefixes in self._by_shift:
            if number >> shift in prefixes:
                return self._allows
        return not self._allows


def _number(address: str) -> int:
    first, second, third, fourth = address.split(".")
    return int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)
