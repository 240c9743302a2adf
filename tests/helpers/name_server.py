"""A DNS server for tests: the zone is a dictionary that the test may change."""

from __future__ import annotations

import asyncio

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """
    Answers on UDP, on a free port of 127.0.0.1.

    Attributes:
        zone: (name without final dot, type) -> (time to live, records as text).
        is_silent: answer nothing at all.
        questions: how many were asked.

    """

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self.is_silent = False
        self.questions = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> NameServer:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._transport is not None
        self._transport.close()

    @property
    def address(self) -> str:
        """What ``name-servers()`` wants."""
        assert self._transport is not None
        return f"127.0.0.1:{self._transport.get_extra_info('sockname')[1]}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.questions += 1
        if self.is_silent:
            return
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = question.rdtype.name
        name = question.name.to_text(omit_final_dot=True)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        ttl, records = self.zone.get((name, kind), (0, []))
        if records:
            response.answer.append(
                dns.rrset.from_text(question.name, ttl, "IN", kind, *records)
            )
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
        assert self._transport is not None
        self._transport.sendto(response.to_wire(), addr)
