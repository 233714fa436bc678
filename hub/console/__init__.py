"""The console of those who run the hub: pages made on the server, complete without JavaScript, each number with its age."""
