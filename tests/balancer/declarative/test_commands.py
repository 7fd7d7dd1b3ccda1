"""One file describes the estate: applied whole or not at all, and written out the same again."""

import io

import pytest
import yaml
from django.core.management import CommandError, call_command

from balancer.models import Activity, BackendServer, Listener, LoadBalancer, ServerGroup
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import GroupKind

pytestmark = pytest.mark.django_db


def export(*names: str) -> str:
    output = io.StringIO()
    call_command("export", *names, stdout=output)
    return output.getvalue()


def apply(document, tmp_path, *options: str) -> str:
    """Apply a document, or text, with --yes; return what the command said."""
    path = tmp_path / "estate.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    output = io.StringIO()
    call_command("apply", "-f", str(path), *(options or ["--yes"]), stdout=output)
    return output.getvalue()


@pytest.fixture
def rich(estate):
    """The estate with every kind of part."""
    estate.listener.check_kind = "http"
    estate.listener.save()
    group = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="api"
    )
    estate.add_server("10.0.1.1", group=group, port=9001)
    estate.add_rule("images", "img.example", "/img")
    Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol="udp",
        port=53,
        name="dns",
        server_group=group,
        check_kind="udp",
        check_interval_s=5,
        check_timeout_s=10,
    )
    return estate


def test_export_applied_changes_nothing_and_comes_out_the_same(rich, tmp_path):
    """Issue 4, section 3: export, apply, export is byte-stable."""
    text = export()
    before = Activity.objects.count()
    assert apply(text, tmp_path) == "No change: everything is as the file says.\n"
    assert export() == text
    assert Activity.objects.count() == before


def test_a_released_estate_comes_back_from_its_file(rich, tmp_path):
    text = export()
    snapshot = compile_snapshot(rich.load_balancer, version=1)
    rich.load_balancer.listeners.all().delete()
    rich.load_balancer.delete()
    said = apply(text, tmp_path)
    assert "+ create instance" in said
    assert export() == text
    again = compile_snapshot(LoadBalancer.objects.get(), version=1)
    assert [(each.protocol, each.port) for each in again.listeners] == [
        (each.protocol, each.port) for each in snapshot.listeners
    ]
    assert [[server.address for server in group.servers] for group in again.groups] == [
        [server.address for server in group.servers] for group in snapshot.groups
    ]
    assert apply(text, tmp_path) == "No change: everything is as the file says.\n"


def test_plan_shows_each_change_and_carries_none_out(rich, tmp_path):
    document = yaml.safe_load(export())
    (balancer,) = document["load_balancers"]
    balancer["default_servers"][0]["weight"] = 7
    gone = balancer["default_servers"].pop()
    balancer["listeners"].append(
        {"protocol": "tcp", "port": 9000, "backend_port": 9000, "status": "stopped"}
    )
    said = apply(document, tmp_path, "--plan")
    assert "weight: 50 → 7" in said
    assert f"- delete server {gone['id']}" in said
    assert "+ create listener TCP: 9000" in said
    assert said.endswith("Plan: 1 to create, 1 to change, 1 to delete.\nNothing was changed.\n")
    assert BackendServer.objects.get(pk=rich.servers[0].pk).weight == 50


def test_a_server_that_changes_keeps_its_row(rich, tmp_path):
    document = yaml.safe_load(export())
    document["load_balancers"][0]["default_servers"][0]["weight"] = 7
    apply(document, tmp_path)
    assert BackendServer.objects.get(pk=rich.servers[0].pk).weight == 7
    assert apply(document, tmp_path).startswith("No change")


def test_groups_and_rules_come_change_and_go(rich, tmp_path):
    document = yaml.safe_load(export())
    (balancer,) = document["load_balancers"]
    balancer["vserver_groups"] = [
        {
            "name": "new",
            "servers": [{"type": "ecs", "id": rich.servers[0].machine_id, "port": 81}],
        },
    ]
    http, udp = sorted(balancer["listeners"], key=lambda each: each["protocol"])
    http["rules"] = [{"name": "other", "path": "/x", "server_group": "new"}]
    http["name"] = "front"
    udp["server_group"] = "new"
    apply(document, tmp_path)
    assert not ServerGroup.objects.filter(name="api").exists()
    listener = Listener.objects.get(protocol="http")
    assert [(rule.name, rule.server_group.name) for rule in listener.rules.all()] == [
        ("other", "new")
    ]
    assert listener.name == "front"
    assert Listener.objects.get(protocol="udp").server_group.name == "new"
    assert apply(document, tmp_path).startswith("No change")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda lb: lb["default_servers"][0].update(weight=101), "Weight must be"),
        (lambda lb: lb["default_servers"][0].update(weight="50"), "must be a whole number"),
        (lambda lb: lb["default_servers"][0].update(colour="red"), "There is no colour here"),
        (lambda lb: lb["default_servers"][0].update(id="i-none"), "i-none"),
        (lambda lb: lb["default_servers"].append(lb["default_servers"][0]), "already"),
        (lambda lb: lb["listeners"][0].update(port=0), "Listening port"),
        (lambda lb: lb["listeners"][0].update(server_group="none"), "no group none"),
        (lambda lb: lb["listeners"][0].update(status="running?"), "running or stopped"),
        (lambda lb: lb.update(address="127.88.0.99"), "stays so"),
        (lambda lb: lb.update(region="mars"), "no region mars"),
        (lambda lb: lb.update(status="off"), "active or inactive"),
        (lambda lb: lb.pop("name"), "This is needed"),
    ],
)
def test_a_file_that_is_refused_changes_nothing_at_all(rich, tmp_path, change, complaint):
    """The whole file is validated before anything is written: the good part is not kept, either."""
    before = export()
    document = yaml.safe_load(before)
    (balancer,) = document["load_balancers"]
    balancer["default_servers"][1]["weight"] = 1  # this alone would be fine
    change(balancer)
    entries = Activity.objects.count()
    with pytest.raises(CommandError, match=complaint):
        apply(document, tmp_path)
    assert export() == before
    assert Activity.objects.count() == entries


@pytest.mark.parametrize(
    "text", ["", "[]", "load_balancers: []", "openclb: 2", "openclb: 1\nx: 1", "a: [", "&a [*a]"]
)
def test_text_that_is_no_estate_is_refused(db, tmp_path, text):
    with pytest.raises(CommandError):
        apply(text, tmp_path)


def test_instances_that_the_file_does_not_name_stay_unless_pruned(rich, tmp_path):
    empty = {"openclb": 1, "load_balancers": []}
    assert apply(empty, tmp_path).startswith("No change")
    assert "- delete instance" in apply(empty, tmp_path, "--yes", "--prune")
    assert not LoadBalancer.objects.exists()


def test_without_a_terminal_it_asks_for_a_yes(rich, tmp_path):
    document = yaml.safe_load(export())
    document["load_balancers"][0]["default_servers"][0]["weight"] = 7
    with pytest.raises(CommandError, match="--yes"):
        apply(document, tmp_path, "--prune")


def test_export_of_an_unknown_name_is_refused(estate):
    with pytest.raises(CommandError, match="no-such"):
        export("no-such")


def test_a_lower_bandwidth_of_an_instance_comes_after_that_of_its_listeners(estate, tmp_path):
    document = yaml.safe_load(export())
    (balancer,) = document["load_balancers"]
    for instance, listener in ((50, 40), (10, 8), (60, 60), (-1, 100)):
        balancer["bandwidth_mbps"] = instance
        balancer["listeners"][0]["bandwidth_mbps"] = listener
        apply(document, tmp_path)
        estate.load_balancer.refresh_from_db()
        estate.listener.refresh_from_db()
        assert estate.load_balancer.bandwidth_mbps == instance
        assert estate.listener.bandwidth_mbps == listener
