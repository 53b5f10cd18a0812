"""The BentoML service: native model endpoints, REST routers, the auth layer."""
