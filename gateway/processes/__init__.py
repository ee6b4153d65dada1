"""The engine in processes of its own, shared by the workers of a machine, which can be killed without harm."""
