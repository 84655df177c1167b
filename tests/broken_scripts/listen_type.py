from tigrest import Handler, Match


class Broken(Handler):
    match = Match(type=("normal", "chatt"))

    def on_message(self, body):
        return body
