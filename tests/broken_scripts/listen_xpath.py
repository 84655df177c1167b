from tigrest import Handler, Match


class Broken(Handler):
    match = Match(xpath="a[")

    def on_message(self, body):
        return body
