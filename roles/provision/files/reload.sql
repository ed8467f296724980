-- Reads the configuration files anew and prints a line per error and one when a restart is needed.
SELECT pg_reload_conf() \g /dev/null
SELECT pg_sleep(0.5) \g /dev/null
SELECT 'error in pg_hba.conf, line ' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL;
SELECT 'error in ' || sourcefile || ': ' || error FROM pg_file_settings WHERE error IS NOT NULL
    AND name NOT IN (SELECT name FROM pg_settings WHERE pending_restart);
SELECT 'restart for ' || name FROM pg_settings WHERE pending_restart AND name = 'listen_addresses';
