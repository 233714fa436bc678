"""The edge's link to its hub: enrolment, the exchange over HTTP, and when it runs."""
