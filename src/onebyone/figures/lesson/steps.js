// The seven steps, in their order.

import { location } from "lesson/location";
import { reading } from "lesson/reading";

export const STEPS = [reading, location];
