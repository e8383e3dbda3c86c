"""`hotline demo`, except that what was killed starts again within a second, however often: each kill doubled the pause of the next
test. How the pauses grow is tested in tests/hotline/test_supervisor.py."""

from hotline.cli import main
from hotline.processes import role_process

role_process.LONGEST_PAUSE_S = role_process.FIRST_PAUSE_S
main()
