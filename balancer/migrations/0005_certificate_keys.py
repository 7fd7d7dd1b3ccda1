"""Private keys of certificates are sealed; their domains are known.

No certificate could be uploaded before, so no key has to be sealed here.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('balancer', '0004_billing'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='certificate',
            name='private_key_pem',
        ),
        migrations.AddField(
            model_name='certificate',
            name='sealed_private_key',
            field=models.TextField(blank=True, editable=False, verbose_name='private key'),
        ),
        migrations.AddField(
            model_name='certificate',
            name='domains',
            field=models.JSONField(blank=True, default=list, editable=False),
        ),
        migrations.AlterField(
            model_name='listener',
            name='client_ca_certificate',
            field=models.ForeignKey(blank=True, help_text='Clients must show a certificate of this authority.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='verified_listeners', to='balancer.certificate'),
        ),
        migrations.AlterField(
            model_name='listener',
            name='http2_enabled',
            field=models.BooleanField(default=False, help_text='Kept for clients that compare it; not offered.', verbose_name='HTTP/2'),
        ),
    ]
