"""Every URL of the control plane: probes of our own health, REST, admin and the console's pages."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
