# The lines of one package of a lock: awk -v name=PACKAGE -f only.awk requirements/run.txt
/^[a-zA-Z0-9]/ { wanted = index($0, name "==") == 1 }
wanted
