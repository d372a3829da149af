"""Mail on its way in: brought by a mail host, or read out of a mailbox."""
