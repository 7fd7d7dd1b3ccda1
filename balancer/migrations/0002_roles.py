"""The three roles as groups."""

from django.db import migrations

ROLES = ("admin", "operator", "viewer")


def create_roles(apps, schema_editor):
    """Create the groups that rights are derived from."""
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("balancer", "0001_initial"),
    ]
    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
