"""What tests stand on: hosts, servers, loads, and ways to call our code. No test is in here."""
