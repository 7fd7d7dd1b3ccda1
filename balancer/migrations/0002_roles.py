"""The groups that are the roles: admin, operator and viewer."""

from django.db import migrations

ROLES = ("admin", "operator", "viewer")


def create_roles(apps, schema_editor):
    group_model = apps.get_model("auth", "Group")
    for name in ROLES:
        group_model.objects.using(schema_editor.connection.alias).get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("balancer", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        # The groups stay when this is undone: people may be in them.
        migrations.RunPython(create_roles, migrations.RunPython.noop),
    ]
