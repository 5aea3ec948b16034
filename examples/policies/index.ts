import { flexpricePack } from "pulumi-flexprice/policies";

flexpricePack({ maxDays: 90 });
