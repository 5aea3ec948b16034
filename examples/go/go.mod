module flexprice-go

go 1.25

require (
	github.com/pulumi-flexprice/pulumi-flexprice/sdk/go v0.0.0
	github.com/pulumi/pulumi/sdk/v3 v3.250.0
)

replace github.com/pulumi-flexprice/pulumi-flexprice/sdk/go => ./sdks/flexprice
