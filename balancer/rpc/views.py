"""The one address of the RPC API: from a request to an answer, whatever the request is."""

from uuid import UUID, uuid4

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError

import balancer.rpc.actions  # noqa: F401  (fills the registry)
from balancer.exceptions import BalancerError
from balancer.rpc.authentication import Call, authenticate, read_call
from balancer.rpc.errors import RpcError, translate, translate_database
from balancer.rpc.parameters import FORM, Parameters
from balancer.rpc.registry import Caller, find_action
from balancer.rpc.responses import Payload, render, render_error

log = structlog.get_logger(__name__)

PATH = "/"
MARKS = ("Action=", "AccessKeyId=")
ACS3_SCHEME = "ACS3-"


def is_call(request: HttpRequest) -> bool:
    """Tell whether the request is one of this API: it names an action or is signed with a key."""
    if request.path_info != PATH:
        return False
    if _has_mark(request.META.get("QUERY_STRING", "")) or _has_headers(request):
        return True
    if request.method != "POST" or request.content_type not in (FORM, ""):
        return False
    try:
        return _has_mark(request.body.decode("latin-1"))
    except (RequestDataTooBig, UnreadablePostError):
        return False


def rpc_endpoint(request: HttpRequest) -> HttpResponse:
    """Answer one call."""
    request_id, host = _request_id(request), request.META.get("HTTP_HOST", "")
    call = None
    try:
        call = read_call(request)
        payload = _answer(call, host)
    except Exception as error:
        refusal = _refusal(error, call)
        as_xml = call is not None and call.wants_xml
        return render_error(refusal, request_id=request_id, host=host, as_xml=as_xml)
    root = f"{call.action}Response"
    return render(payload, request_id=request_id, root=root, as_xml=call.wants_xml)


def _request_id(request: HttpRequest) -> str:
    """Return the request's own number, which logs and activity show, in the form of this API."""
    return str(UUID(hex=getattr(request, "number", None) or uuid4().hex)).upper()


def _answer(call: Call, host: str) -> Payload:
    if call.method not in ("GET", "POST"):
        raise RpcError("UnsupportedHTTPMethod", "Use GET or POST.", 403)
    key = authenticate(call)
    act = find_action(call.action)
    return act(Caller(key.user, host), Parameters(call.pairs))


def _refusal(error: Exception, call: Call | None) -> RpcError:
    """Return what is said to the client; a bug is logged and told as the internal error it is."""
    match error:
        case RpcError():
            return error
        case BalancerError():
            return translate(error)
        case IntegrityError() | OperationalError():
            return translate_database(error)
        case RequestDataTooBig():
            return RpcError("InvalidParameter", "The body is too long.", 413)
        case SuspiciousOperation() | UnreadablePostError():
            return RpcError("InvalidParameter", "The request cannot be read.")
        case _:
            log.exception("rpc_failed", action=call.action if call else "")
            return RpcError("InternalError", "The request failed on our side; it is logged.", 500)


def _has_mark(pairs: str) -> bool:
    return any(pairs.startswith(mark) or f"&{mark}" in pairs for mark in MARKS)


def _has_headers(request: HttpRequest) -> bool:
    signed = request.META.get("HTTP_AUTHORIZATION", "").startswith(ACS3_SCHEME)
    return signed or "HTTP_X_ACS_ACTION" in request.META
