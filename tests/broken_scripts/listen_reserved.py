from tigrest import Handler, Match


class Broken(Handler):
    match = Match(local="user-status-endpoint")

    def on_message(self, body):
        return body
