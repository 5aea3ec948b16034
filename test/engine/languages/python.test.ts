import { describeLife } from "./life";

describeLife("python");
