from tigrest import Handler, Match


class Broken(Handler):
    match = Match(localpart="echo")

    def on_message(self, body):
        return body
