import { atNight } from "../../support/sample";
import { describeLife } from "./life";

// By day, the tests of both front ends run TypeScript programs with classes like the generated ones.
atNight(() => describeLife("nodejs"));
