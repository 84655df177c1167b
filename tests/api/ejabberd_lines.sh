# Lines of ejabberd's documentation, as printed; below /api/v0, /v1/api and /api they ask for versions of a command.
curl -k -X POST -H "Content-type: application/json" \
  -d '{}' "http://localhost:5280/api/v0/get_loglevel"; echo
curl -k -X POST -H "Content-type: application/json" \
  -d '{}' "http://localhost:5280/api/v0/get_loglevel/v2"; echo
for path in api/get_loglevel api/get_loglevel/v0 api/get_loglevel/v1 v1/api/get_loglevel v2/api/get_loglevel \
  v1/api/get_loglevel/v0 v1/api/get_loglevel/v2 api/v0/get_loglevel api/v0/get_loglevel/v1 api/v0/get_loglevel/v2; do
  curl -k -X POST -H "Content-type: application/json" -d '{}' "http://localhost:5280/$path"; echo " $path"
done
curl -X POST -H "Content-type: application/json" -H "X-Admin: true" \
  -d '{"user": "eve", "host": "localhost", "password": "correct horse"}' "http://localhost:5280/api/register"; echo
curl -X POST -d '{"user": "eve", "host": "localhost"}' "http://localhost:5280/ejabberd/api/check_account"; echo
curl -X POST -d '{"host": "localhost"}' "http://localhost:5280/ejabberd/api/registered_users"; echo
curl "http://localhost:5280/ejabberd/api/registered_users?host=localhost"; echo
curl -X POST -d '{"user": "eve", "host": "localhost", "password": "other"}' "http://localhost:5280/ejabberd/api/register"; echo
curl -X POST -d '{"user": "eve", "host": "localhost"}' "http://localhost:5280/ejabberd/api/unregister"; echo
curl -X POST -d '{"user": "eve", "host": "localhost"}' "http://localhost:5280/ejabberd/api/check_account"; echo
