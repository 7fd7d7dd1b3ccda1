"""The addresses of the console's pages; all but signing in stand below /console/."""

from django.urls import path

from console.pages import (
    access_keys,
    access_lists,
    activity,
    backend_servers,
    certificates,
    forwarding_rules,
    idc_servers,
    listeners,
    load_balancers,
    monitoring,
    password,
    preferences,
    second_factor,
    server_groups,
    server_panel,
    server_undo,
    session,
)

REGION = "console/<slug:region_id>"
INSTANCE = f"{REGION}/instances/<slug:load_balancer_id>"
LISTENER = f"{INSTANCE}/listeners/<slug:listener_id>"
ACCESS_KEYS = "console/access-keys"
ACCESS_KEY = f"{ACCESS_KEYS}/<slug:key_id>"
ACCESS_LISTS = f"{REGION}/access-lists"
ACCESS_LIST = f"{ACCESS_LISTS}/<slug:access_list_id>"
RULE = f"{LISTENER}/rules/<slug:rule_id>"
CERTIFICATES = f"{REGION}/certificates"
CERTIFICATE = f"{CERTIFICATES}/<slug:certificate_id>"
DEFAULT_GROUP = f"{INSTANCE}/default-group"

urlpatterns = [
    path("login/", session.sign_in, name="login"),
    path("login/code/", session.enter_code, name="login-code"),
    path("logout/", session.sign_out, name="logout"),
    path("console/", load_balancers.enter_console, name="console"),
    path(ACCESS_KEYS, access_keys.list_keys, name="access-key-list"),
    path(f"{ACCESS_KEYS}/new", access_keys.create_key, name="access-key-create"),
    path(
        "console/access-keys/<slug:key_id>/disable",
        access_keys.disable_key,
        name="access-key-disable",
    ),
    path(
        "console/access-keys/<slug:key_id>/enable", access_keys.enable_key, name="access-key-enable"
    ),
    path(
        "console/access-keys/<slug:key_id>/delete", access_keys.delete_key, name="access-key-delete"
    ),
    path("console/password", password.change_password, name="password"),
    path("console/second-factor", second_factor.show_second_factor, name="second-factor"),
    path("console/preferences", preferences.update_preferences, name="preference-update"),
    path(f"{REGION}/search", load_balancers.search_instances, name="instance-search"),
    path(f"{REGION}/activity", activity.list_activity, name="activity-list"),
    path(ACCESS_LISTS, access_lists.list_access_lists, name="access-list-list"),
    path(f"{ACCESS_LISTS}/new", access_lists.create_access_list, name="access-list-create"),
    path(ACCESS_LIST, access_lists.show_access_list, name="access-list-detail"),
    path(f"{ACCESS_LIST}/rename", access_lists.rename_access_list, name="access-list-rename"),
    path(f"{ACCESS_LIST}/add", access_lists.add_networks, name="access-list-add"),
    path(f"{ACCESS_LIST}/remove", access_lists.remove_networks, name="access-list-remove"),
    path(f"{ACCESS_LIST}/delete", access_lists.delete_access_list, name="access-list-delete"),
    path(CERTIFICATES, certificates.list_certificates, name="certificate-list"),
    path(f"{CERTIFICATES}/new", certificates.upload_certificate, name="certificate-upload"),
    path(f"{CERTIFICATE}/replace", certificates.replace_certificate, name="certificate-replace"),
    path(f"{CERTIFICATE}/rename", certificates.rename_certificate, name="certificate-rename"),
    path(f"{CERTIFICATE}/delete", certificates.delete_certificate, name="certificate-delete"),
    path(f"{REGION}/instances", load_balancers.list_load_balancers, name="load-balancer-list"),
    path(
        f"{REGION}/instances/new", load_balancers.create_load_balancer, name="load-balancer-create"
    ),
    path(INSTANCE, load_balancers.show_load_balancer, name="load-balancer-detail"),
    path(
        f"{INSTANCE}/apply-status",
        load_balancers.show_apply_status,
        name="load-balancer-apply-status",
    ),
    path(f"{INSTANCE}/rename", load_balancers.rename_load_balancer, name="load-balancer-rename"),
    path(f"{INSTANCE}/bandwidth", load_balancers.change_bandwidth, name="load-balancer-bandwidth"),
    path(f"{INSTANCE}/start", load_balancers.start_load_balancer, name="load-balancer-start"),
    path(f"{INSTANCE}/stop", load_balancers.stop_load_balancer, name="load-balancer-stop"),
    path(f"{INSTANCE}/release", load_balancers.release_load_balancer, name="load-balancer-release"),
    path(
        f"{INSTANCE}/deletion-protection",
        load_balancers.set_deletion_protection,
        name="load-balancer-deletion-protection",
    ),
    path(
        f"{INSTANCE}/modification-protection",
        load_balancers.set_modification_protection,
        name="load-balancer-modification-protection",
    ),
    path(f"{INSTANCE}/listeners", listeners.list_listeners, name="listener-list"),
    path(f"{INSTANCE}/listeners/new", listeners.create_listener, name="listener-create"),
    path(f"{LISTENER}/edit", listeners.edit_listener, name="listener-edit"),
    path(f"{LISTENER}/start", listeners.start_listener, name="listener-start"),
    path(f"{LISTENER}/stop", listeners.stop_listener, name="listener-stop"),
    path(f"{LISTENER}/delete", listeners.delete_listener, name="listener-delete"),
    path(f"{LISTENER}/health", listeners.show_listener_health, name="listener-health"),
    path(f"{LISTENER}/rules", forwarding_rules.list_rules, name="forwarding-rule-list"),
    path(f"{LISTENER}/rules/new", forwarding_rules.create_rule, name="forwarding-rule-create"),
    path(f"{RULE}/edit", forwarding_rules.edit_rule, name="forwarding-rule-edit"),
    path(f"{RULE}/delete", forwarding_rules.delete_rule, name="forwarding-rule-delete"),
    path(DEFAULT_GROUP, backend_servers.show_default_group, name="default-group"),
    path(f"{DEFAULT_GROUP}/live", backend_servers.show_live_cells, name="default-group-live"),
    path(f"{DEFAULT_GROUP}/undo", server_undo.undo_change, name="default-group-undo"),
    path(f"{DEFAULT_GROUP}/panel", server_panel.work_panel, name="server-panel"),
    path(f"{DEFAULT_GROUP}/idc-panel", idc_servers.work_idc_panel, name="idc-server-panel"),
    path(
        f"{DEFAULT_GROUP}/servers/<slug:server_id>/weight",
        backend_servers.update_weight,
        name="backend-server-weight",
    ),
    path(f"{DEFAULT_GROUP}/weights", backend_servers.update_weights, name="backend-server-weights"),
    path(f"{DEFAULT_GROUP}/remove", backend_servers.remove_servers, name="backend-server-remove"),
    path(
        f"{INSTANCE}/vserver-groups", server_groups.list_vserver_groups, name="vserver-group-list"
    ),
    path(
        f"{INSTANCE}/primary-secondary-groups",
        server_groups.list_primary_secondary_groups,
        name="primary-secondary-group-list",
    ),
    path(f"{INSTANCE}/monitoring", monitoring.show_monitoring, name="load-balancer-monitoring"),
]
