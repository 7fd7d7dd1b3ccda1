"""The bandwidth that an instance is billed by is in force."""

from django.db import migrations, models
from django.db.models import F


def follow_billing(apps, schema_editor):
    """What was only kept before limits from now on; the proxies are told."""
    load_balancer = apps.get_model("balancer", "LoadBalancer")
    head = apps.get_model("balancer", "PublishHead")
    for row in load_balancer.objects.filter(billing__internet_charge_type="paybybandwidth"):
        row.bandwidth_mbps = row.billing.get("bandwidth_mbps", -1)
        row.save(update_fields=["bandwidth_mbps"])
        head.objects.filter(load_balancer_public_id=row.public_id).update(wanted=F("wanted") + 1)


class Migration(migrations.Migration):

    dependencies = [
        ('balancer', '0005_certificate_keys'),
    ]

    operations = [
        migrations.AlterField(
            model_name='loadbalancer',
            name='bandwidth_mbps',
            field=models.IntegerField(default=-1, help_text='Of all listeners together, for each direction and each proxy node; -1: no limit.', verbose_name='peak bandwidth (Mbit/s)'),
        ),
        migrations.AlterField(
            model_name='loadbalancer',
            name='billing',
            field=models.JSONField(default=dict, editable=False, help_text='What clients of the RPC API say about prices: kept and told. Only a bandwidth that is billed by has an effect.'),
        ),
        migrations.RunPython(follow_billing, migrations.RunPython.noop),
    ]
