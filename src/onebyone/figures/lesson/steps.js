// The seven steps, in their order.

import { growing } from "lesson/growing";
import { location } from "lesson/location";
import { padding } from "lesson/padding";
import { purpose } from "lesson/purpose";
import { reading } from "lesson/reading";
import { sharing } from "lesson/sharing";
import { whole } from "lesson/whole";

export const STEPS = [reading, location, sharing, whole, growing, padding, purpose];
