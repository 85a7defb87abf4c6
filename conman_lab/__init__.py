"""conman_lab: how containers are really run, by building the pieces.

floor        errors, linux, files, launcher, checks
the story    oci -> naive -> pitfalls -> shim -> manager
instruments  observe, views: look at the story; the story never looks back
practice     conformance, exercises, lab: ask the story
doors        adapters, microvm: the same rooms under other people's names

It imports nothing: every container pays for what stands here.
"""
