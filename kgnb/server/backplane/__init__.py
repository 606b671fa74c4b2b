"""Several servers that act as one: one broker, many doors.

Servers that are given the same ``backplane_url`` choose one of them, the *leader*, by
a lease in Redis. It alone opens the shared log and runs the broker; the others, its
*followers*, authenticate who connects to them and carry his socket, his requests and
their kernels' links to the leader. So what a broker promises holds over all servers,
by there being one.

=============  =======================================================================
``member``     one server's part: leads or follows, and changes over
``lease``      who leads, and who is there at all
``messages``   what servers tell each other
``line``       what one server and another have told each other: numbered, acknowledged
``seals``      signs and checks what goes through Redis
``post``       puts it into Redis and gets it out
``leading``    the leader's end: followers' connections on its broker
``following``  a follower's end: the ways to a broker that is elsewhere
``questions``  what a follower asks its leader: requests over HTTP among them
``answering``  what the leader answers
``bodies``     replies that are made while they are sent
=============  =======================================================================

Redis carries and forgets; the log is the truth. Whatever goes wrong on the way (a gap,
a pause, Redis itself) ends the connections of the followers that it concerns with 1012:
their clients come back, with ``since``, and have lost nothing.

Process: server. Loop: the server's.
"""
