import { describeLife } from "./life";

describeLife("yaml");
