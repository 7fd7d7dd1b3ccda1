"""The Django admin of every model; its writes are the services' like those of any entrance."""

from django.contrib import admin

from balancer.admin import (  # noqa: F401  (importing registers)
    access,
    certificates,
    credentials,
    inventory,
    listeners,
    load_balancers,
    people,
    personal,
    records,
    server_groups,
)

admin.site.site_header = "OpenCLB"
admin.site.site_title = "OpenCLB"
admin.site.index_title = "Administration"
