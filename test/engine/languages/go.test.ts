import { describeLife } from "./life";

describeLife("go");
