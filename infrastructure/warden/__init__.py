"""The process that stands between Telewright and the hostile code it runs.

One warden per sandboxed command or service. It starts bubblewrap, watches what
the processes inside use, ends them, and gives the files back. It is a process
of its own so that neither a busy event loop nor the death of Telewright can
leave anything running, and it imports the standard library alone, since it
lives as long as a deployed service does.
"""
