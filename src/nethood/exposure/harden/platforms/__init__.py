"""One module a platform: each turns a `PlanRequest` into steps, and changes nothing."""
