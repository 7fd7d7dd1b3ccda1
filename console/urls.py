"""Every URL of the control plane: our own health, REST, admin and the console's pages."""

from django.contrib import admin
from django.urls import include, path

from console import root, status
from console.pages import session

urlpatterns = [
    path("", root.show_first_page, name="root"),
    path("healthz", status.show_liveness, name="healthz"),
    path("readyz", status.show_readiness, name="readyz"),
    path("metrics", status.show_metrics, name="metrics"),
    path("admin/login/", session.enter_admin),
    path("admin/", admin.site.urls),
    path("api/", include("balancer.api.urls")),
    path("", include("console.pages.urls")),
]

handler400 = "console.pages.errors.show_bad_request"
handler500 = "console.pages.errors.show_failure"
