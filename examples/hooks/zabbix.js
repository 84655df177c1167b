// Zabbix: the script of a media type "Webhook" with the parameters URL, Secret, Subject ({ALERT.SUBJECT}) and Message ({ALERT.MESSAGE}).
// The hook: tigrest hook add zabbix --format json --to ops@rooms.example.com --room
var params = JSON.parse(value),
    request = new HttpRequest(),
    answer;
request.addHeader('Content-Type: application/json');
request.addHeader('Authorization: Bearer ' + params.Secret);
answer = request.post(params.URL, JSON.stringify({title: params.Subject, message: params.Message}));
if (request.getStatus() !== 200 && request.getStatus() !== 202) {
    throw 'status ' + request.getStatus() + ': ' + answer;
}
return 'OK';
