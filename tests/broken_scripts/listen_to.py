from tigrest import Handler, Match


class Broken(Handler):
    match = Match(to="(")

    def on_message(self, body):
        return body
