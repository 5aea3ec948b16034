package main

import (
	"github.com/pulumi-flexprice/pulumi-flexprice/sdk/go/flexprice"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		settings := config.New(ctx, "")

		ingestor, err := flexprice.NewServiceAccount(ctx, "usage-ingestor", &flexprice.ServiceAccountArgs{
			Roles: pulumi.StringArray{pulumi.String(settings.Require("role"))},
		})
		if err != nil {
			return err
		}

		key, err := flexprice.NewApiKey(ctx, "usage-ingestor", &flexprice.ApiKeyArgs{
			ServiceAccountId: ingestor.ID(),
			ExpiresIn:        pulumi.String("90d"),
			RotateBefore:     pulumi.String("14d"),
			RotationTriggers: pulumi.StringMap{"release": pulumi.String(settings.Require("release"))},
		})
		if err != nil {
			return err
		}

		ctx.Export("accountId", ingestor.ID())
		ctx.Export("keyId", key.ID())
		ctx.Export("apiKey", key.ApiKey)
		return nil
	})
}
