import pulumi
import pulumi_flexprice as flexprice

config = pulumi.Config()

ingestor = flexprice.ServiceAccount("usage-ingestor", roles=[config.require("role")])

ingestor_key = flexprice.ApiKey(
    "usage-ingestor",
    service_account_id=ingestor.id,
    expires_in="90d",
    rotate_before="14d",
    rotation_triggers={"release": config.require("release")},
)

pulumi.export("accountId", ingestor.id)
pulumi.export("keyId", ingestor_key.id)
pulumi.export("apiKey", ingestor_key.api_key)
