import { describeLife } from "./life";

describeLife("nodejs");
