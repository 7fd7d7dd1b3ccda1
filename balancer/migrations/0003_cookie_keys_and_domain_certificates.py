"""Cookie keys of load balancers, and certificates of HTTPS listeners by domain."""

import balancer.public_ids
import django.db.models.deletion
import functools
from django.db import migrations, models

from balancer.models.load_balancer import new_cookie_key


def give_each_its_own_key(apps, schema_editor):
    """The default of a new column is made once; keys must differ."""
    load_balancer = apps.get_model("balancer", "LoadBalancer")
    for row in load_balancer.objects.all():
        row.cookie_key = new_cookie_key()
        row.save(update_fields=["cookie_key"])


class Migration(migrations.Migration):

    dependencies = [
        ('balancer', '0002_roles'),
    ]

    operations = [
        migrations.AddField(
            model_name='loadbalancer',
            name='cookie_key',
            field=models.CharField(default=new_cookie_key, editable=False, help_text='Signs the cookies that keep sessions with a server.', max_length=64),
        ),
        migrations.RunPython(give_each_its_own_key, migrations.RunPython.noop),
        migrations.CreateModel(
            name='DomainCertificate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=functools.partial(balancer.public_ids.new_public_id, *('de',), **{}), editable=False, max_length=40, unique=True, verbose_name='ID')),
                ('domain', models.CharField(max_length=80)),
                ('certificate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='domain_certificates', to='balancer.certificate')),
                ('listener', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='domain_certificates', to='balancer.listener')),
            ],
            options={
                'ordering': ['listener', 'domain'],
                'constraints': [models.UniqueConstraint(fields=('listener', 'domain'), name='domain_once_per_listener')],
            },
        ),
    ]
