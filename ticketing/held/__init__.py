"""Appeals of the portal that wait for a look before they are registered (待核对): only while the portal is flooded."""
