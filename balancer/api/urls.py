"""The addresses under /api/; a slash at the end is welcome and not needed."""

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from balancer.api.views.access_lists import AccessListViewSet
from balancer.api.views.backend_servers import BackendServerViewSet
from balancer.api.views.base import ID_PATTERN
from balancer.api.views.certificates import CertificateViewSet, DomainCertificateViewSet
from balancer.api.views.credentials import AccessKeyViewSet, ApiTokenViewSet, MeView
from balancer.api.views.forwarding_rules import ForwardingRuleViewSet
from balancer.api.views.inventory import (
    EcsInstanceViewSet,
    IdcServerViewSet,
    NetworkInterfaceViewSet,
    RegionViewSet,
    VpcViewSet,
    VSwitchViewSet,
    ZoneViewSet,
)
from balancer.api.views.listeners import ListenerViewSet
from balancer.api.views.load_balancers import LoadBalancerViewSet
from balancer.api.views.metrics import MetricsView
from balancer.api.views.observation import ActivityViewSet, HealthFlipViewSet, ProxiesView
from balancer.api.views.root import NothingHere, RootView, SchemaView, show_docs
from balancer.api.views.server_groups import ServerGroupViewSet
from balancer.api.views.tags import TagViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("regions", RegionViewSet, "api-region")
router.register("zones", ZoneViewSet, "api-zone")
router.register("vpcs", VpcViewSet, "api-vpc")
router.register("vswitches", VSwitchViewSet, "api-vswitch")
router.register("ecs-instances", EcsInstanceViewSet, "api-ecs-instance")
router.register("network-interfaces", NetworkInterfaceViewSet, "api-network-interface")
router.register("idc-servers", IdcServerViewSet, "api-idc-server")
router.register("load-balancers", LoadBalancerViewSet, "api-load-balancer")
router.register("listeners", ListenerViewSet, "api-listener")
router.register("forwarding-rules", ForwardingRuleViewSet, "api-forwarding-rule")
router.register("server-groups", ServerGroupViewSet, "api-server-group")
router.register("backend-servers", BackendServerViewSet, "api-backend-server")
router.register(
    rf"listeners/(?P<listener>{ID_PATTERN})/domain-certificates",
    DomainCertificateViewSet,
    "api-domain-certificate",
)
router.register("certificates", CertificateViewSet, "api-certificate")
router.register("access-lists", AccessListViewSet, "api-access-list")
router.register("tags", TagViewSet, "api-tag")
router.register("health-flips", HealthFlipViewSet, "api-health-flip")
router.register("activity", ActivityViewSet, "api-activity")
router.register("tokens", ApiTokenViewSet, "api-token")
router.register("access-keys", AccessKeyViewSet, "api-access-key")

version_1 = [
    path("", RootView.as_view(), name="api-root"),
    *router.urls,
    re_path(r"^metrics/?$", MetricsView.as_view(), name="api-metric-list"),
    re_path(r"^proxies/?$", ProxiesView.as_view(), name="api-proxy-list"),
    re_path(r"^me/?$", MeView.as_view(), name="api-me"),
]

urlpatterns = [
    path("v1/", include(version_1)),
    re_path(r"^schema/?$", SchemaView.as_view(), name="api-schema"),
    re_path(r"^docs/?$", show_docs, name="api-docs"),
    # What matches nothing above is answered in the API's own shape, too.
    re_path(r"", NothingHere.as_view(), name="api-nothing"),
]
