"""Certificates of servers, and of authorities that sign those of clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from balancer.choices import CertificateKind, TaggedResource
from balancer.models import Certificate
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import find_region, named_region_id
from balancer.rpc.listener_certificates import find_certificate
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.tags import ids_with_tags, read_new_tags, read_tag_pairs, tags_of
from balancer.rpc.times import milliseconds, moment
from balancer.selectors.certificates import list_certificates
from balancer.services.certificates import (
    delete_certificate,
    rename_certificate,
    upload_certificate,
)
from balancer.services.tags import set_tags


@dataclass(frozen=True, slots=True)
class Words:
    """What the parameters and fields of one kind of certificate are called."""

    kind: CertificateKind
    noun: str

    @property
    def id(self) -> str:
        """Return the name of the id."""
        return f"{self.noun}Id"

    @property
    def name(self) -> str:
        """Return the name of the name."""
        return f"{self.noun}Name"


SERVER = Words(CertificateKind.SERVER, "ServerCertificate")
AUTHORITY = Words(CertificateKind.CA, "CACertificate")


@transaction.atomic
def _upload(caller: Caller, parameters: Parameters, words: Words, private_key: str) -> Payload:
    region = find_region(caller, parameters, Right.CHANGE)
    tags = read_new_tags(parameters)
    certificate = upload_certificate(
        actor=caller.actor,
        region=region,
        name=parameters.optional(words.name) or words.noun,
        certificate_pem=parameters.text(words.noun),
        private_key_pem=private_key,
        kind=words.kind,
    )
    if tags:
        set_tags(actor=caller.actor, resources=[certificate], tags=tags)
    return _facts(certificate, words)


def _describe(caller: Caller, parameters: Parameters, words: Words) -> Payload:
    region = find_region(caller, parameters)
    rows = list_certificates(user=caller.user, region_id=region.public_id, kind=words.kind)
    if certificate_id := parameters.optional(words.id):
        rows = rows.filter(public_id=certificate_id)
    ids = ids_with_tags(caller, TaggedResource.CERTIFICATE, read_tag_pairs(parameters))
    if ids is not None:
        rows = rows.filter(public_id__in=ids)
    found = list(rows)
    tags = tags_of(caller, TaggedResource.CERTIFICATE, [each.public_id for each in found])
    listed = [{**_facts(each, words), "Tags": tags[each.public_id]} for each in found]
    return {f"{words.noun}s": {words.noun: listed}}


def _delete(caller: Caller, parameters: Parameters, words: Words) -> Payload:
    delete_certificate(actor=caller.actor, certificate=_find(caller, parameters, words))
    return {}


def _rename(caller: Caller, parameters: Parameters, words: Words) -> Payload:
    certificate, name = _find(caller, parameters, words), parameters.text(words.name)
    rename_certificate(actor=caller.actor, certificate=certificate, name=name)
    return {}


def _find(caller: Caller, parameters: Parameters, words: Words) -> Certificate:
    certificate = find_certificate(
        caller,
        parameters.text(words.id),
        right=Right.CHANGE,
        region_id=named_region_id(caller, parameters),
    )
    if certificate.kind != words.kind:
        message = f"{certificate.public_id} is a certificate of the other kind."
        raise RpcError("CertificateTypeMismatched", message)
    return certificate


def _facts(certificate: Certificate, words: Words) -> Mapping[str, Any]:
    end = certificate.expires_at
    facts: dict[str, Any] = {
        words.id: certificate.public_id,
        words.name: certificate.name,
        "Fingerprint": certificate.fingerprint,
        "CommonName": certificate.common_name,
        "CreateTime": moment(certificate.created_at),
        "CreateTimeStamp": milliseconds(certificate.created_at),
        "ExpireTime": moment(end) if end else None,
        "ExpireTimeStamp": milliseconds(end) if end else None,
        "RegionId": certificate.region.public_id,
        "ResourceGroupId": "rg-default",
    }
    if words is SERVER:
        facts["IsAliCloudCertificate"] = 0
        names = {"SubjectAlternativeName": list(certificate.domains)}
        facts["SubjectAlternativeNames"] = names
    return facts


@action("UploadServerCertificate")
def upload_server_certificate(caller: Caller, parameters: Parameters) -> Payload:
    """Store a server's certificate with its private key."""
    return _upload(caller, parameters, SERVER, parameters.text("PrivateKey"))


@action("DescribeServerCertificates")
def describe_server_certificates(caller: Caller, parameters: Parameters) -> Payload:
    """List the server certificates of a region."""
    return _describe(caller, parameters, SERVER)


@action("DeleteServerCertificate")
def delete_server_certificate(caller: Caller, parameters: Parameters) -> Payload:
    """Delete a server certificate that nothing uses."""
    return _delete(caller, parameters, SERVER)


@action("SetServerCertificateName")
def set_server_certificate_name(caller: Caller, parameters: Parameters) -> Payload:
    """Give a server certificate another name."""
    return _rename(caller, parameters, SERVER)


@action("UploadCACertificate")
def upload_ca_certificate(caller: Caller, parameters: Parameters) -> Payload:
    """Store the certificate of an authority."""
    return _upload(caller, parameters, AUTHORITY, "")


@action("DescribeCACertificates")
def describe_ca_certificates(caller: Caller, parameters: Parameters) -> Payload:
    """List the certificates of authorities of a region."""
    return _describe(caller, parameters, AUTHORITY)


@action("DeleteCACertificate")
def delete_ca_certificate(caller: Caller, parameters: Parameters) -> Payload:
    """Delete the certificate of an authority that nothing uses."""
    return _delete(caller, parameters, AUTHORITY)


@action("SetCACertificateName")
def set_ca_certificate_name(caller: Caller, parameters: Parameters) -> Payload:
    """Give the certificate of an authority another name."""
    return _rename(caller, parameters, AUTHORITY)
